"""Images with labeled boxes, for object detection: read from annotation formats, checked, split."""
