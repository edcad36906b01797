"""What a folder of pictures is: its classes, its pixels, and what is wrong with them."""
