"""The live page of ``edgevision run --page``: a web server with the image, the results, and controls of the loop."""
