"""What a street camera shows: detections, states, and later the rules that watch over zones."""
