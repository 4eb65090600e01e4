NAME = "goods"
