"""The labeling page of ``edgevision label``: a person confirms or corrects what the images of a folder show."""
