"""fastinfer: convolutional networks on CPUs, fast, and compressed ones compressed."""
