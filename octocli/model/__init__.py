"""The base LM and what octo does to it: token rows and LoRA, batches, training, GGUF writing and quantising."""

import logging

# bitsandbytes, an extra that peft imports, warns at every start of a kernel that octo never calls.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
