"""Requests that a real OpenBao and its double must answer alike, one script per subject.

A line is `[@token] METHOD path [body] [| Header: value] [=> name member.of.the.answer]`. `@none` sends no token;
`$name` stands for what an earlier line kept, `$m` for a mount of the script's own (KV v2, or v1 where it says so).
"""

SCRIPTS: dict[str, str] = {
    "kv2 reads and writes": """
        GET $m/data/a
        POST $m/data/a {"data":{"x":"1"}}
        GET $m/data/a
        GET $m/metadata/a
        POST $m/data/a {"data":{"x":"2","y":null}}
        PUT $m/data/a {"data":{}}
        GET $m/data/a
        GET $m/data/a?version=1
        GET $m/data/a?version=2
        GET $m/data/a?version=0
        GET $m/data/a?version=-1
        GET $m/data/a?version=9
        GET $m/data/a?version=abc
        GET $m/data/a?version=
        POST $m/data/a {}
        POST $m/data/a
        POST $m/data/a null
        POST $m/data/a []
        POST $m/data/a "text"
        POST $m/data/a 7
        POST $m/data/a {"data":"text"}
        POST $m/data/a {"data":[]}
        POST $m/data/a {"data":[1]}
        POST $m/data/a {"data":7}
        POST $m/data/a {"data":true}
        POST $m/data/a {"data":null}
        GET $m/data/a
        POST $m/data/a {"data":{"x":1},"options":null}
        POST $m/data/a {"data":{"x":1},"options":{}}
        POST $m/data/a {"data":{"x":1},"options":"no"}
        POST $m/data/a {"data":{"x":1},"other":1}
        GET $m/metadata/a
        POST $m/data/folder/deep/er {"data":{"x":1}}
        POST $m/data/folder {"data":{"x":1}}
        LIST $m/metadata
        LIST $m/metadata/
        LIST $m/metadata/folder
        LIST $m/metadata/folder/deep/
        LIST $m/metadata/a
        DELETE $m/data/nothing
    """,
    "kv2 values keep what Go keeps": """
        POST $m/data/n {"data":{"big":12345678901234567890,"max":9007199254740993,"f":1.50,"e":1e21,"s":0.0000001}}
        GET $m/data/n
        POST $m/data/n {"data":{"neg":-0,"exp":1E5,"tiny":5e-324,"huge":1.7976931348623157e308,"m":123456.789e3}}
        GET $m/data/n
        POST $m/data/n {"data":{"z":1,"a":{"z":[1,{"y":2,"b":[]}],"a":{}},"B":true,"é":null}}
        GET $m/data/n
        POST $m/data/n {"data":{"<":"<&>\\u2028\\u0000\\u0007\\u007f\\"\\\\/é😀\\n\\t\\b\\f\\r","\\ud800":"\\udc00x"}}
        GET $m/data/n
        POST $m/data/n {"data":{"over":1e999}}
        GET $m/data/n
        GET $m/subkeys/n
        POST $m/data/n {"data":{"a":1.0,"b":100000000000000000000,"c":1e20,"d":999999999999999999999999,"e":0.1e-6}}
        GET $m/data/n
        PATCH $m/data/n {"data":{"a":2.50}}
        GET $m/data/n
        POST $m/data/n {"data":{"dup":1,"dup":2}}
        GET $m/data/n
        POST $m/data/n {"data":{"":"empty name"," ":" "}}
        GET $m/data/n
    """,
    "kv2 check and set": """
        POST $m/data/c {"data":{"v":1},"options":{"cas":1}}
        POST $m/data/c {"data":{"v":1},"options":{"cas":0}}
        POST $m/data/c {"data":{"v":2},"options":{"cas":0}}
        POST $m/data/c {"data":{"v":2},"options":{"cas":1}}
        POST $m/data/c {"data":{"v":3},"options":{"cas":"2"}}
        POST $m/data/c {"data":{"v":3},"options":{"cas":"x"}}
        POST $m/data/c {"data":{"v":3},"options":{"cas":3.0}}
        POST $m/data/c {"data":{"v":3},"options":{"cas":3.5}}
        POST $m/data/c {"data":{"v":3},"options":{"cas":null}}
        POST $m/data/c {"data":{"v":3},"options":{"cas":true}}
        POST $m/data/c {"data":{"v":3},"options":{"cas":-1}}
        POST $m/data/c {"data":{"v":3},"options":{"cas":{}}}
        DELETE $m/data/c
        POST $m/data/c {"data":{"v":4},"options":{"cas":0}}
        POST $m/data/c {"data":{"v":4},"options":{"cas":3}}
        POST $m/metadata/c {"cas_required":true}
        POST $m/data/c {"data":{"v":5}}
        PATCH $m/data/c {"data":{"v":5}}
        PATCH $m/data/c {"data":{"v":5},"options":{"cas":9}}
        PATCH $m/data/c {"data":{"v":5},"options":{"cas":4}}
        POST $m/metadata/only {"cas_required":false}
        POST $m/data/only {"data":{"v":1},"options":{"cas":0}}
        POST $m/config {"cas_required":true}
        POST $m/data/new {"data":{"v":1}}
        POST $m/data/new {"data":{"v":1},"options":{"cas":0}}
        POST $m/metadata/new {"cas_required":false}
        PATCH $m/metadata/new {"cas_required":false}
        GET $m/metadata/new
        GET $m/config
    """,
    "kv2 delete, undelete, destroy": """
        POST $m/data/d {"data":{"v":1}}
        POST $m/data/d {"data":{"v":2}}
        POST $m/data/d {"data":{"v":3}}
        DELETE $m/data/d
        GET $m/data/d
        GET $m/data/d?version=2
        GET $m/subkeys/d
        GET $m/metadata/d
        DELETE $m/data/d
        POST $m/undelete/d {"versions":[3]}
        GET $m/data/d
        POST $m/delete/d {"versions":[1,2]}
        GET $m/data/d?version=1
        PUT $m/delete/d {"versions":["1","7"]}
        POST $m/delete/d {"versions":"1,2"}
        POST $m/delete/d {"versions":2}
        POST $m/delete/d {"versions":["bad"]}
        POST $m/delete/d {"versions":[]}
        POST $m/delete/d {}
        POST $m/undelete/d {"versions":[]}
        POST $m/destroy/d {"versions":[]}
        POST $m/destroy/d {}
        POST $m/delete/none {"versions":[1]}
        POST $m/undelete/none {"versions":[1]}
        POST $m/destroy/none {"versions":[1]}
        PUT $m/destroy/d {"versions":[2,9]}
        GET $m/data/d?version=2
        GET $m/subkeys/d?version=2
        POST $m/undelete/d {"versions":[1,2]}
        GET $m/data/d?version=2
        GET $m/data/d?version=1
        POST $m/destroy/d {"versions":[3]}
        GET $m/data/d
        PATCH $m/data/d {"data":{"v":4}}
        DELETE $m/data/d
        GET $m/metadata/d
        POST $m/data/d {"data":{"v":4}}
        DELETE $m/metadata/d
        GET $m/metadata/d
        GET $m/data/d
        DELETE $m/metadata/d
        LIST $m/metadata
        POST $m/data/d {"data":{"v":1}}
    """,
    "kv2 patch": """
        PATCH $m/data/p {"data":{"a":1}}
        POST $m/data/p {"data":{"a":1,"b":{"c":1,"d":2},"l":[1,null,{"x":null}],"n":null}}
        PATCH $m/data/p {"data":{"a":null,"b":{"c":null,"e":{"f":null,"g":3}},"new":{"h":null,"i":1}}}
        GET $m/data/p
        PATCH $m/data/p {"data":{"l":[{"k":null,"j":1},null],"b":7}}
        GET $m/data/p
        PATCH $m/data/p {"data":{}}
        PATCH $m/data/p {}
        PATCH $m/data/p {"data":null}
        GET $m/data/p
        PATCH $m/data/p {"data":{"a":1}} | Content-Type: application/json
        PATCH $m/data/p {"data":{"a":1}} | Content-Type: text/plain
        PATCH $m/data/p {"data":{"a":1}} | Content-Type: application/merge-patch+json; charset=utf-8
        DELETE $m/data/p
        PATCH $m/data/p {"data":{"a":1}}
        POST $m/metadata/bare {"max_versions":3}
        PATCH $m/data/bare {"data":{"a":1}}
        GET $m/data/bare
        DELETE $m/data/bare
        PATCH $m/metadata/absent {"max_versions":3}
        PATCH $m/metadata/bare {"max_versions":4,"custom_metadata":{"a":"1","b":"2"}}
        GET $m/metadata/bare
        PATCH $m/metadata/bare {"custom_metadata":{"a":null,"c":"3"}}
        GET $m/metadata/bare
        PATCH $m/metadata/bare {"delete_version_after":"90m","cas_required":true}
        PATCH $m/metadata/bare {}
        PATCH $m/metadata/bare {"custom_metadata":{"a":""}}
        GET $m/metadata/bare
        PATCH $m/metadata/bare {"max_versions":null}
        PATCH $m/metadata/bare {"custom_metadata":null}
        GET $m/metadata/bare
    """,
    "kv2 metadata and settings": """
        GET $m/metadata/none
        POST $m/metadata/x {}
        GET $m/metadata/x
        POST $m/metadata/x {"max_versions":2,"cas_required":false,"delete_version_after":"3h25m19s"}
        GET $m/metadata/x
        POST $m/metadata/x {"custom_metadata":{"owner":"me","n":1,"t":true}}
        GET $m/metadata/x
        POST $m/metadata/x {"custom_metadata":{"other":"ü"}}
        GET $m/metadata/x
        POST $m/metadata/x {"custom_metadata":{}}
        GET $m/metadata/x
        POST $m/metadata/x {"custom_metadata":{"e":""}}
        POST $m/metadata/x {"custom_metadata":{"":"e"}}
        POST $m/metadata/x {"custom_metadata":{"a":"x\\u0001","b\\u0001":"y"}}
        POST $m/metadata/x {"custom_metadata":{"a":{"b":1}}}
        POST $m/metadata/x {"custom_metadata":{"a":[1]}}
        POST $m/metadata/x {"custom_metadata":"text"}
        POST $m/metadata/x {"custom_metadata":{"a":null}}
        POST $m/metadata/x {"max_versions":"3"}
        POST $m/metadata/x {"max_versions":"three"}
        POST $m/metadata/x {"max_versions":true}
        POST $m/metadata/x {"cas_required":"true"}
        POST $m/metadata/x {"cas_required":"maybe"}
        POST $m/metadata/x {"delete_version_after":30}
        POST $m/metadata/x {"delete_version_after":"1d"}
        GET $m/metadata/x
        POST $m/metadata/x {"delete_version_after":"-1h"}
        POST $m/metadata/x {"delete_version_after":"soon"}
        POST $m/metadata/x {"delete_version_after":"0s"}
        POST $m/metadata/x {"metadata_cas":9,"max_versions":5}
        POST $m/metadata/x {"metadata_cas_required":true}
        POST $m/metadata/x {"max_versions":5}
        GET $m/metadata/x
        POST $m/metadata/y {"metadata_cas":3,"max_versions":5}
        POST $m/metadata/y {"metadata_cas":0,"max_versions":5}
        GET $m/config
        POST $m/config {}
        POST $m/config {"max_versions":3,"delete_version_after":"1h","cas_required":false}
        GET $m/config
        POST $m/data/z {"data":{"v":1}}
        GET $m/data/z
        GET $m/metadata/z
        POST $m/metadata/z {"delete_version_after":"10m"}
        POST $m/data/z {"data":{"v":2}}
        POST $m/config {"delete_version_after":"-1s"}
        GET $m/config
        POST $m/data/z {"data":{"v":3}}
        DELETE $m/config
        LIST $m/config
    """,
    "kv2 pruning": """
        POST $m/data/v {"data":{"v":1}}
        POST $m/data/v {"data":{"v":2}}
        POST $m/data/v {"data":{"v":3}}
        POST $m/metadata/v {"max_versions":2}
        GET $m/metadata/v
        POST $m/data/v {"data":{"v":4}}
        GET $m/metadata/v
        GET $m/data/v?version=1
        POST $m/metadata/v {"max_versions":0}
        POST $m/data/v {"data":{"v":5}}
        POST $m/data/v {"data":{"v":6}}
        POST $m/data/v {"data":{"v":7}}
        POST $m/data/v {"data":{"v":8}}
        POST $m/data/v {"data":{"v":9}}
        POST $m/data/v {"data":{"v":10}}
        GET $m/metadata/v
        POST $m/data/v {"data":{"v":11}}
        POST $m/data/v {"data":{"v":12}}
        POST $m/data/v {"data":{"v":13}}
        GET $m/metadata/v
        GET $m/data/v?version=3
        POST $m/config {"max_versions":4}
        POST $m/data/v {"data":{"v":14}}
        GET $m/metadata/v
        POST $m/undelete/v {"versions":[1]}
        GET $m/data/v?version=1
        POST $m/data/w {"data":{"v":1}}
        POST $m/data/w {"data":{"v":2}}
        POST $m/data/w {"data":{"v":3}}
        POST $m/data/w {"data":{"v":4}}
        GET $m/metadata/w
        POST $m/data/w {"data":{"v":5}}
        GET $m/metadata/w
    """,
    "kv2 subkeys": """
        GET $m/subkeys/s
        POST $m/data/s {"data":{"a":1,"b":{"c":{"d":1,"e":{}},"l":[{"x":1}]},"n":null,"o":{}}}
        GET $m/subkeys/s
        GET $m/subkeys/s?depth=1
        GET $m/subkeys/s?depth=2
        GET $m/subkeys/s?depth=3
        GET $m/subkeys/s?depth=0
        GET $m/subkeys/s?depth=-1
        GET $m/subkeys/s?depth=x
        GET $m/subkeys/s?version=1&depth=1
        GET $m/subkeys/s?version=2
        POST $m/data/s {"data":{}}
        GET $m/subkeys/s
        POST $m/subkeys/s {}
        LIST $m/subkeys/s
        DELETE $m/subkeys/s
    """,
    "kv2 lists, pages and scans": """
        LIST $m/metadata
        SCAN $m/metadata
        LIST $m/detailed-metadata
        SCAN $m/detailed-metadata
        POST $m/data/b {"data":{"v":1}}
        POST $m/data/a/one {"data":{"v":1}}
        POST $m/data/a/two {"data":{"v":1}}
        POST $m/data/a/deep/x {"data":{"v":1}}
        POST $m/data/a {"data":{"v":1}}
        POST $m/data/c/z {"data":{"v":1}}
        POST $m/data/c/y/q {"data":{"v":1}}
        POST $m/data/B {"data":{"v":1}}
        POST $m/data/%C3%A9 {"data":{"v":1}}
        POST $m/data/a-b {"data":{"v":1}}
        POST $m/metadata/empty {"max_versions":1}
        LIST $m/metadata
        GET $m/metadata?list=true
        GET $m/metadata/?list=1
        GET $m/metadata/?list=false
        GET $m/metadata/?list=bogus
        GET $m/metadata/?list=
        GET $m/metadata/?list=true&scan=true
        GET $m/metadata/?scan=true
        GET $m/metadata/?scan=bogus
        SCAN $m/metadata
        SCAN $m/metadata/a
        SCAN $m/metadata/a/
        SCAN $m/metadata/none
        LIST $m/metadata/?limit=2
        LIST $m/metadata/?limit=2&after=a/
        LIST $m/metadata/?after=a
        LIST $m/metadata/?after=ab&limit=3
        LIST $m/metadata/?after=zzz
        LIST $m/metadata/?limit=0
        LIST $m/metadata/?limit=-1
        LIST $m/metadata/?limit=x
        LIST $m/metadata/?limit=max
        SCAN $m/metadata/?limit=2
        LIST $m/detailed-metadata
        LIST $m/detailed-metadata/a/
        LIST $m/detailed-metadata/?limit=2&after=a
        SCAN $m/detailed-metadata
        SCAN $m/detailed-metadata/c
        LIST $m/detailed-metadata/none
        GET $m/detailed-metadata/b
        POST $m/detailed-metadata/b {}
        LIST $m/data
        LIST $m/data/a
        LIST $m
        SCAN $m
        LIST $m/metadata | X-Vault-Wrap-TTL: 60
    """,
    "kv2 paths that are none": """
        GET $m
        GET $m/
        GET $m/a
        POST $m/a {"a":1}
        PATCH $m/a {"a":1}
        DELETE $m/a
        LIST $m/a
        GET $m/data
        GET $m/data/
        GET $m/metadata
        POST $m/metadata {}
        DELETE $m/metadata
        GET $m/metadata/
        POST $m/data/ {"data":{}}
        POST $m/data/a/ {"data":{}}
        POST $m/metadata/a/ {"max_versions":1}
        GET $m/data/a/
        DELETE $m/data/a/
        GET $m/delete/a
        GET $m/undelete/a
        DELETE $m/destroy/a
        POST $m/delete {"versions":[1]}
        GET $m/subkeys
        POST $m/data {"data":{}}
        BREW $m/data/a
        HEAD $m/data/a
    """,
    "kv2 names": """
        POST $m/data/a%20b {"data":{"v":1}}
        POST $m/data/%41 {"data":{"v":1}}
        GET $m/data/A
        POST $m/data/plus+ {"data":{"v":1}}
        POST $m/data/100%25 {"data":{"v":1}}
        POST $m/data/q%3Fh%23 {"data":{"v":1}}
        POST $m/data/x%2Fy {"data":{"v":1}}
        POST $m/data/%F0%9F%98%80 {"data":{"v":1}}
        POST $m/data/tilde~'(!)*,;:@&=$ {"data":{"v":1}}
        POST $m/data/back%5Cslash {"data":{"v":1}}
        POST $m/data/dot. {"data":{"v":1}}
        GET $m/data/dot.
        POST $m/data/.dot {"data":{"v":1}}
        POST $m/data/two.. {"data":{"v":1}}
        POST $m/data/... {"data":{"v":1}}
        POST $m/data/%20lead {"data":{"v":1}}
        POST $m/data/trail%20 {"data":{"v":1}}
        LIST $m/metadata
        GET $m/data/a%01b
        GET $m/data/a%0Ab
        GET $m/data/a%7Fb
        GET $m/data/a%E2%80%A8b
        GET $m/data/a%C2%A0b
        GET $m/data/a%00b
        GET $m/data/a/../b
        GET $m/data/a/./b
        GET $m/data/a//b
        GET $m/data//a
        GET $m/data/a%2F..%2Fb
        GET $m/data/a%2F.%2Fb
        GET $m/data/%2E%2E/b
        GET $m/data/..
        GET $m/data/a%2F%2Fb
        POST $m/data/a%2F%2Fb {"data":{"v":1}}
        GET $m/data/a%2F
        POST $m/data/a%2F {"data":{"v":1}}
        GET $m/data/%zz
    """,
    "kv1": """
        GET $m/a
        POST $m/a {"x":1.50,"big":12345678901234567890,"exp":1E5,"neg":-0,"n":null,"o":{"b":1,"a":[2.0]}}
        GET $m/a
        PUT $m/a {"y":"only","é<":"<&>"}
        GET $m/a
        POST $m/a {}
        POST $m/a
        POST $m/a []
        POST $m/ttl {"ttl":"30s"}
        GET $m/ttl
        POST $m/ttl {"lease":"1h"}
        GET $m/ttl
        POST $m/ttl {"ttl":60}
        GET $m/ttl
        POST $m/ttl {"ttl":"soon"}
        GET $m/ttl
        POST $m/ttl {"ttl":"1d"}
        GET $m/ttl
        POST $m/f/x {"v":1}
        POST $m/f/g/y {"v":1}
        POST $m/f {"v":1}
        POST $m/.hidden {"v":1}
        POST $m/dot. {"v":1}
        POST $m/two.. {"v":1}
        LIST $m
        LIST $m/
        LIST $m/f
        LIST $m/none
        LIST $m/?limit=1
        LIST $m/?after=f
        SCAN $m
        SCAN $m/f
        SCAN $m/none
        GET $m?list=true
        PATCH $m/a {"y":null}
        DELETE $m/a
        DELETE $m/a
        GET $m/a
        GET $m/
        POST $m {"v":1}
        POST $m/ {"v":1}
        DELETE $m/
        GET $m/a%2F..%2Fb
        GET $m/data/a
        GET $m/config
        POST $m/data/a {"data":{"v":1},"options":{"cas":5}}
        GET $m/data/a
        POST $m/form a=1&b=x%20y&a=2 | Content-Type: application/x-www-form-urlencoded
        GET $m/form
        POST $m/form {"j":1} | Content-Type: application/x-www-form-urlencoded
        GET $m/form
        GET $m/form?version=3
    """,
    "cubbyhole": """
        GET cubbyhole/a
        POST cubbyhole/a {"x":1.0}
        GET cubbyhole/a
        POST cubbyhole/a {}
        POST cubbyhole/f/b {"x":"y"}
        LIST cubbyhole
        LIST cubbyhole/f
        LIST cubbyhole/none
        SCAN cubbyhole
        PATCH cubbyhole/a {"x":2}
        POST auth/token/create {"policies":["default"],"ttl":"1h"} => other auth.client_token
        @other GET cubbyhole/a
        @other POST cubbyhole/mine {"v":1}
        @other LIST cubbyhole
        @other SCAN cubbyhole
        GET cubbyhole/mine
        GET cubbyhole
        GET cubbyhole/
        DELETE cubbyhole/a
        DELETE cubbyhole/f/b
        LIST cubbyhole
    """,
    "no token, bad token": """
        @none GET $m/data/a
        @none POST $m/data/a {"data":{}}
        @none LIST $m/metadata
        @none GET nomount/a
        @none GET sys/mounts
        @none GET sys/internal/ui/mounts
        @none GET sys/internal/ui/mounts/$m/
        @none GET sys/internal/ui/namespaces
        @none POST sys/capabilities-self {"paths":["a"]}
        @none GET auth/token/lookup-self
        @none POST auth/token/renew-self {}
        @none GET sys/nothing
        @none GET auth/nomount/x
        @none POST auth/nomount/login {}
        @bad GET $m/data/a
        @bad POST $m/data/a {"data":{}}
        @bad GET sys/internal/ui/mounts
        @bad GET sys/internal/ui/mounts/$m/
        @bad GET sys/internal/ui/namespaces
        @bad GET auth/token/lookup-self
        @bad POST sys/capabilities-self {"paths":["a"]}
        @bad GET sys/health
        GET nomount/a
        LIST nomount/a
        POST nomount/a {}
        GET sys/nothing
        GET auth/nomount/x
        GET sys/internal/ui/mounts/nomount/x
        GET sys/internal/ui/mounts/$m/deep/er
        GET sys/internal/ui/mounts/$m
        GET sys/internal/ui/mounts/auth/token/
        GET sys/internal/ui/mounts/cubbyhole/
        GET sys/capabilities-self
        POST sys/capabilities-self {}
        POST sys/capabilities-self {"paths":[]}
        POST sys/capabilities-self {"path":"a"}
        POST sys/capabilities-self {"paths":"a,b"}
        POST sys/capabilities-self {"paths":["x","y"]}
        @none GET $m/data/a | Authorization: Bearer root
    """,
    "policies": """
        POST sys/policies/acl/$m {"policy":"path \\"$m/data/*\\" { capabilities=[\\"read\\"] }"}
        GET sys/policies/acl/$m
        GET sys/policies/acl/none
        POST auth/token/create {"policies":["$m"],"ttl":"1h"} => t auth.client_token
        POST $m/data/a {"data":{"v":1}}
        @t GET $m/data/a
        @t POST $m/data/a {"data":{"v":2}}
        @t POST $m/data/new {"data":{"v":2}}
        @t DELETE $m/data/a
        @t PATCH $m/data/a {"data":{"v":2}}
        @t GET $m/metadata/a
        @t LIST $m/metadata
        @t SCAN $m/metadata
        @t GET $m/config
        @t GET $m/a
        @t GET nomount/a
        @t POST $m/data/a/ {"data":{}}
        @t GET sys/internal/ui/mounts
        @t GET sys/internal/ui/mounts/$m/
        @t GET sys/internal/ui/mounts/secret/
        @t GET sys/internal/ui/mounts/nomount/
        @t GET sys/mounts
        @t GET sys/policies/acl/$m
        @t POST sys/capabilities-self {"paths":["$m/data/a","$m/metadata/","cubbyhole/x","sys/mounts","x"]}
        POST sys/policies/acl/$m {"policy":"{\\"path\\":{\\"$m/*\\":{\\"capabilities\\":[\\"read\\",\\"list\\"]},\
\\"$m/data/no*\\":{\\"capabilities\\":[\\"deny\\"]},\\"$m/data/+/open\\":{\\"capabilities\\":[\\"create\\",\\"patch\\"]},\
\\"$m/data/nope/yes\\":{\\"capabilities\\":[\\"update\\",\\"sudo\\",\\"delete\\"]},\\"$m/metadata/sub\\":{\\"capabilities\\":[\\"scan\\"]},\
\\"$m/data/x/+\\":{\\"capabilities\\":[\\"read\\"]},\\"$m/data/+/+/z*\\":{\\"capabilities\\":[\\"delete\\"]}}}"}
        @t POST sys/capabilities-self {"paths":["$m/data/a","$m/data/no","$m/data/nope/yes","$m/data/nope/open"]}
        @t POST sys/capabilities-self {"paths":["$m/data/x/open","$m/data/x/y","$m/data/x/y/zz","$m/data/q/r/z"]}
        @t POST sys/capabilities-self {"paths":["$m/metadata/sub","$m/metadata/sub/","$m/","$m","$m/data/+/open"]}
        @t POST sys/capabilities-self {"paths":["$m/data/no"]}
        @t GET $m/data/nothing
        @t GET $m/data/nope/yes
        @t POST $m/data/fresh/open {"data":{"v":1}}
        @t POST $m/data/fresh/open {"data":{"v":2}}
        @t PATCH $m/data/fresh/open {"data":{"v":2}}
        @t LIST $m/metadata
        @t SCAN $m/metadata/sub
        @t SCAN $m/metadata/
        @t GET $m/metadata/?list=true
        POST sys/policies/acl/$m {"policy":"{\\"path\\":{\\"$m/data/+/a\\":{\\"capabilities\\":[\\"read\\"]}}}"}
        @t GET sys/internal/ui/mounts/$m/
        @t LIST $m/metadata
        POST sys/policies/acl/$m {"policy":"{\\"path\\":{\\"$m/*\\":{\\"capabilities\\":[\\"deny\\"]},\
\\"*\\":{\\"capabilities\\":[\\"read\\"]}}}"}
        @t GET sys/internal/ui/mounts/$m/
        @t GET sys/internal/ui/mounts/secret/
        @t GET $m/data/a
        POST sys/policies/acl/$m {"policy":""}
        DELETE sys/policies/acl/$m
        @t GET $m/data/a
    """,
    "tokens": """
        GET auth/token/lookup-self
        POST auth/token/create {"policies":["default"],"ttl":"1h","meta":{},"display_name":"i"} => t auth.client_token
        @t GET auth/token/lookup-self
        @t POST auth/token/renew-self {}
        @t GET auth/token/lookup-self
        @t POST auth/token/renew-self {"increment":"2h"}
        @t POST auth/token/renew-self {"increment":600}
        @t POST auth/token/renew-self {"increment":"9000h"}
        @t POST auth/token/renew-self
        @t POST auth/token/create {"ttl":"30m"}
        @t POST auth/token/revoke-self
        @t GET auth/token/lookup-self
        POST auth/token/create {"policies":["default"],"period":"1h"} => p auth.client_token
        @p GET auth/token/lookup-self
        @p POST auth/token/renew-self {"increment":"2h"}
        POST auth/token/create {"policies":["default"],"explicit_max_ttl":"2h","ttl":"1h"} => e auth.client_token
        @e GET auth/token/lookup-self
        @e POST auth/token/renew-self {"increment":"5h"}
        POST auth/token/create {"policies":["default"],"renewable":false,"ttl":"1h"} => n auth.client_token
        @n POST auth/token/renew-self {}
        POST auth/token/create {"policies":["default"],"num_uses":3} => u auth.client_token
        @u GET auth/token/lookup-self
        @u GET cubbyhole/none
        @u GET auth/token/lookup-self
        @u GET auth/token/lookup-self
        POST auth/token/create {"no_default_policy":true,"policies":["nothing"]} => x auth.client_token
        @x GET auth/token/lookup-self
        @x POST sys/capabilities-self {"paths":["a"]}
        POST auth/token/create {} => r auth.client_token
        @r GET auth/token/lookup-self
        @r POST auth/token/create {"policies":["default"],"ttl":"1h"} => c auth.client_token
        @r POST auth/token/revoke-self
        @c GET auth/token/lookup-self
        POST auth/token/create {"policies":["default"],"no_parent":true,"ttl":"1h"} => o auth.client_token
        @o GET auth/token/lookup-self
        POST auth/token/lookup {"token":"$o"}
        POST auth/token/lookup {"token":"nothing"}
        POST auth/token/revoke {"token":"$o"}
        @o GET auth/token/lookup-self
        POST auth/token/renew-self {}
        DELETE auth/token/lookup-self
        GET auth/token/renew-self
        GET auth/token/nothing
        LIST auth/token/nothing
    """,
    "userpass": """
        POST sys/auth/up-$m {"type":"userpass"}
        POST sys/auth/up-$m {"type":"userpass"}
        POST auth/up-$m/users/alice {"password":"pw","token_policies":"a,b","token_ttl":"1h","token_max_ttl":"2h"}
        LIST auth/up-$m/users
        @none POST auth/up-$m/login/alice {"password":"pw"} => t auth.client_token
        @t GET auth/token/lookup-self
        @t POST auth/token/renew-self {"increment":"5h"}
        @t POST auth/token/renew-self {}
        @none POST auth/up-$m/login/Alice {"password":"pw"}
        @none POST auth/up-$m/login/alice {"password":"bad"}
        @none POST auth/up-$m/login/bob {"password":"pw"}
        @none POST auth/up-$m/login/alice {}
        @none POST auth/up-$m/login/ {"password":"pw"}
        @none POST auth/up-$m/login {"password":"pw"}
        @none GET auth/up-$m/login/alice
        @none GET auth/up-$m/users/alice
        @bad POST auth/up-$m/login/alice {"password":"pw"}
        @none PUT auth/up-$m/login/alice {"password":"pw"} | X-Vault-Wrap-TTL: 60 => w wrap_info.token
        @w POST sys/wrapping/unwrap
        GET auth/up-$m/nothing
        DELETE auth/up-$m/users/alice
        @none POST auth/up-$m/login/alice {"password":"pw"}
    """,
    "approle": """
        POST sys/auth/ar-$m {"type":"approle"}
        POST auth/ar-$m/role/app {"token_policies":["a"],"token_ttl":"20m","token_max_ttl":"30m"}
        LIST auth/ar-$m/role
        GET auth/ar-$m/role/app/role-id => role data.role_id
        POST auth/ar-$m/role/app/secret-id {} => secret data.secret_id
        @none POST auth/ar-$m/login {"role_id":"$role","secret_id":"$secret"} => t auth.client_token
        @t GET auth/token/lookup-self
        @none POST auth/ar-$m/login {"role_id":"$role","secret_id":"bad"}
        @none POST auth/ar-$m/login {"role_id":"bad","secret_id":"$secret"}
        @none POST auth/ar-$m/login {"role_id":"$role"}
        @none POST auth/ar-$m/login {}
        @none GET auth/ar-$m/login
        POST auth/ar-$m/role/app/secret-id {} | X-Vault-Wrap-TTL: 60 => w wrap_info.token
        @none POST sys/wrapping/lookup {"token":"$w"}
    """,
    "wrapping": """
        POST $m/data/w {"data":{"a":1.50}}
        GET $m/data/w | X-Vault-Wrap-TTL: 60s => w wrap_info.token
        @none POST sys/wrapping/lookup {"token":"$w"}
        @w POST sys/wrapping/lookup
        POST sys/wrapping/lookup {"token":"$w"}
        @none POST sys/wrapping/unwrap {"token":"$w"}
        POST sys/wrapping/unwrap {"token":"$w"}
        POST sys/wrapping/lookup {"token":"$w"}
        GET $m/data/w | X-Vault-Wrap-TTL: 60s => w wrap_info.token
        @w POST sys/wrapping/unwrap
        @w POST sys/wrapping/unwrap
        GET $m/data/w | X-Vault-Wrap-TTL: 60s => w wrap_info.token
        POST sys/wrapping/unwrap {"token":"$w"}
        GET $m/data/w | X-Vault-Wrap-TTL: 60s => w wrap_info.token
        @w POST sys/wrapping/unwrap {"token":"$w"}
        @w POST sys/wrapping/unwrap
        GET $m/data/w | X-Vault-Wrap-TTL: 60s => w wrap_info.token
        @w GET auth/token/lookup-self
        POST sys/wrapping/lookup {"token":"$w"}
        GET $m/data/w | X-Vault-Wrap-TTL: 60s => w wrap_info.token
        @w GET $m/data/w
        POST sys/wrapping/unwrap {"token":"$w"}
        POST sys/wrapping/unwrap {"token":"root"}
        POST sys/wrapping/unwrap {"token":""}
        POST sys/wrapping/unwrap {}
        POST sys/wrapping/lookup {}
        POST sys/wrapping/lookup {"token":"root"}
        @none POST sys/wrapping/lookup {}
        @none POST sys/wrapping/lookup {"token":"nothing"}
        @none POST sys/wrapping/unwrap {}
        @bad POST sys/wrapping/unwrap
        @bad POST sys/wrapping/lookup
        GET $m/data/none | X-Vault-Wrap-TTL: 60s
        DELETE $m/data/none | X-Vault-Wrap-TTL: 60s
        DELETE $m/data/w | X-Vault-Wrap-TTL: 60s
        GET $m/data/w | X-Vault-Wrap-TTL: 60s => w wrap_info.token
        @w POST sys/wrapping/unwrap
        POST $m/data/w {"data":{"a":1}} | X-Vault-Wrap-TTL: 60s => w wrap_info.token
        POST sys/wrapping/unwrap {"token":"$w"}
        POST sys/wrapping/wrap {"b":2,"a":1.50,"n":{"z":null}}
        POST sys/wrapping/wrap {"b":2,"a":1.50,"n":{"z":null}} | X-Vault-Wrap-TTL: 120 => w wrap_info.token
        POST sys/wrapping/lookup {"token":"$w"}
        GET sys/wrapping/lookup | X-Vault-Token: $w
        POST sys/wrapping/unwrap {"token":"$w"}
        POST sys/wrapping/wrap {} | X-Vault-Wrap-TTL: 1m => w wrap_info.token
        @w POST sys/wrapping/unwrap
        POST sys/wrapping/wrap {"a":1} | X-Vault-Wrap-TTL: soon
        POST sys/wrapping/wrap {"a":1} | X-Vault-Wrap-TTL: 0
        POST sys/wrapping/wrap {"a":1} | X-Vault-Wrap-TTL: -5
        POST auth/token/create {"policies":["default"]} | X-Vault-Wrap-TTL: 60 => w wrap_info.token
        @w POST sys/wrapping/unwrap
        POST sys/wrapping/wrap {"a":1} | X-Vault-Wrap-TTL: 60 => w wrap_info.token
        POST sys/wrapping/rewrap {"token":"$w"} => v wrap_info.token
        @w POST sys/wrapping/unwrap
        @v POST sys/wrapping/unwrap
        @v GET cubbyhole/response
        POST sys/wrapping/wrap {"a":1} | X-Vault-Wrap-TTL: 60 => w wrap_info.token
        @w GET cubbyhole/response
        POST $m/data/$w {"data":{}} | X-Vault-Wrap-TTL: 60
    """,
    "jwt": """
        POST sys/auth/jwt-$m {"type":"jwt"}
        @none POST auth/jwt-$m/login {"role":"r","jwt":"x"}
        POST auth/jwt-$m/config {"jwt_validation_pubkeys":["$key"]}
        @none POST auth/jwt-$m/login {}
        @none POST auth/jwt-$m/login {"role":"none","jwt":"x"}
        POST auth/jwt-$m/role/r {"role_type":"jwt","user_claim":"sub","bound_subject":"me","token_policies":["a"]}
        @none POST auth/jwt-$m/login {"role":"r"}
        @none POST auth/jwt-$m/login {"role":"r","jwt":"x"}
        @none POST auth/jwt-$m/login {"role":"r","jwt":"$jwt"} => t auth.client_token
        @t GET auth/token/lookup-self
        @none GET auth/jwt-$m/login
    """,
    "leases of kv1": """
        POST sys/mounts/le-$m {"type":"kv","options":{"leased_passthrough":"true"}}
        POST le-$m/x {"a":1}
        GET le-$m/x => l lease_id
        POST sys/leases/lookup {"lease_id":"$l"}
        PUT sys/leases/lookup {"lease_id":"$l"}
        POST sys/leases/lookup {"lease_id":"none"}
        POST sys/leases/lookup {}
        POST sys/leases/lookup {"lease_id":""}
        POST sys/leases/renew {"lease_id":"$l"}
        POST sys/leases/renew {"lease_id":"none"}
        POST sys/leases/renew {}
        LIST sys/leases/lookup/le-$m
        LIST sys/leases/lookup/le-$m/
        LIST sys/leases/lookup/le-$m/none/
        POST auth/token/create {"policies":["default"],"ttl":"1h"} => t auth.client_token
        @t POST sys/leases/lookup {"lease_id":"$l"}
        @t POST sys/leases/revoke {"lease_id":"$l"}
        @t LIST sys/leases/lookup/le-$m/
        POST sys/leases/revoke {"lease_id":"$l","sync":true}
        POST sys/leases/lookup {"lease_id":"$l"}
        POST sys/leases/revoke {"lease_id":"none","sync":true}
        POST sys/leases/revoke {"lease_id":"none"}
        POST sys/leases/revoke {"lease_id":"none","sync":false}
        GET le-$m/x => k lease_id
        POST sys/leases/revoke {"lease_id":"$k","sync":false}
        POST sys/leases/revoke {}
        GET le-$m/x => l lease_id
        POST sys/leases/revoke {"lease_id":"$l"}
        POST le-$m/y {"ttl":"10m"}
        GET le-$m/y => l lease_id
        POST sys/leases/lookup {"lease_id":"$l"}
    """,
    "namespaces": """
        POST sys/namespaces/n-$m {}
        POST sys/namespaces/o-$m {"custom_metadata":{"a":"b"}}
        GET sys/namespaces/o-$m
        GET sys/namespaces/none
        POST sys/namespaces/bad%20name {}
        POST sys/namespaces/in-$m {} | X-Vault-Namespace: n-$m
        LIST sys/namespaces | X-Vault-Namespace: n-$m
        LIST sys/namespaces | X-Vault-Namespace: /n-$m/
        LIST sys/namespaces | X-Vault-Namespace: o-$m/
        GET sys/internal/ui/namespaces | X-Vault-Namespace: n-$m
        LIST n-$m/sys/namespaces
        POST sys/mounts/kv {"type":"kv-v2"} | X-Vault-Namespace: n-$m
        WAIT kv | X-Vault-Namespace: n-$m
        POST kv/data/a {"data":{"x":"y"}} | X-Vault-Namespace: n-$m
        GET n-$m/kv/data/a
        LIST n-$m/kv/metadata
        GET kv/data/a | X-Vault-Namespace: o-$m
        GET kv/data/a
        GET kv/data/a | X-Vault-Namespace: none
        GET none/kv/data/a
        GET sys/health | X-Vault-Namespace: n-$m
        GET sys/internal/ui/mounts | X-Vault-Namespace: n-$m
        GET sys/internal/ui/mounts/kv/ | X-Vault-Namespace: n-$m
        GET sys/internal/ui/mounts/n-$m/kv/x
        GET sys/mounts | X-Vault-Namespace: n-$m
        POST sys/policies/acl/r {"policy":"path \\"kv/*\\" {capabilities=[\\"read\\"]}"} | X-Vault-Namespace: n-$m
        POST auth/token/create {"policies":["r"],"ttl":"1h"} | X-Vault-Namespace: n-$m => t auth.client_token
        @t GET kv/data/a | X-Vault-Namespace: n-$m
        @t GET n-$m/kv/data/a
        @t POST kv/data/a {"data":{}} | X-Vault-Namespace: n-$m
        @t GET auth/token/lookup-self | X-Vault-Namespace: n-$m
        @t GET auth/token/lookup-self
        @t GET $m/data/a
        @t GET sys/internal/ui/mounts | X-Vault-Namespace: n-$m
        @t GET sys/internal/ui/namespaces | X-Vault-Namespace: n-$m
        @t POST sys/capabilities-self {"paths":["kv/data/a"]} | X-Vault-Namespace: n-$m
        POST sys/capabilities-self {"paths":["n-$m/kv/data/a","kv/data/a"]}
        @none GET kv/data/a | X-Vault-Namespace: n-$m
        GET kv/data/a | X-Vault-Namespace: n-$m; X-Vault-Wrap-TTL: 60 => w wrap_info.token
        POST sys/wrapping/lookup {"token":"$w"} | X-Vault-Namespace: n-$m
        POST sys/wrapping/unwrap {"token":"$w"} | X-Vault-Namespace: n-$m
    """,
    "server": """
        @none GET sys/health
        @none HEAD sys/health
        @none GET sys/health?standbyok=true&sealedcode=200&uninitcode=200&standbycode=200
        @none GET sys/leader
        GET sys/mounts
        GET sys/mounts/$m
        GET sys/mounts/none
        POST sys/mounts/$m {"type":"kv"}
        POST sys/mounts/$m/deeper {"type":"kv"}
        GET sys/auth
        GET sys/internal/ui/mounts
        GET sys/audit
        GET $m/data/a?list=maybe
        POST $m/data/a {broken
        POST $m/data/a {"data":{}} trailing
        OPTIONS $m/data/a
        POST sys/mounts/un-$m {"type":"kv","config":{"listing_visibility":"unauth"},"description":"for all"}
        @none GET sys/internal/ui/mounts
        DELETE sys/mounts/un-$m
        POST sys/mounts/bad-$m {"type":"nothing"}
    """,
}
