"""``gpio:CHIP/LINE=LABEL``: a line of a GPIO chip that is on while a label is present."""
