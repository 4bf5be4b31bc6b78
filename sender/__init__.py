"""A camera, file or portrait becomes 35 floats a frame on a WebRTC data channel."""
