"""How a profile signs in at a Vault or OpenBao server.

* `environment`: what the servers' own variables say (`BAO_*`, `VAULT_*`).
* `settings`: which keys a profile's `auth` may have.
* `methods`: `sign_in`, by any method; `oidc` and `mfa` are parts of it.
* `tokens`: where tokens that exist already are found, and where one is kept.
* `lifetime`: what signing in gives, how long it lasts, how it is renewed and ended.
"""
