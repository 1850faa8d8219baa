"""Use cases: what people do with secrets, whatever stores them."""
