NAME = "intranet"
