"""The base LM and what octo does to it: token rows and LoRA, batches, training, GGUF writing and quantising."""
