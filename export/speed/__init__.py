"""How fast networks run on a processor, measured; needs torch alone (no ONNX, no OpenCV)."""
