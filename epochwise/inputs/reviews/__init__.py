"""Reviews as models read them: texts, sequences of token ids, document vectors."""
