"""Networks here are tiny, and other work shares the machine: one thread is enough."""

import torch

torch.set_num_threads(1)
