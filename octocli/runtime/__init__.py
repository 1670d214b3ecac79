"""From a query to calls: engines (llama.cpp, transformers), grammar, decoding, confidence, typed values."""
