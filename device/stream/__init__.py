"""What flows through the loop: frames, events, protocols, queue."""
