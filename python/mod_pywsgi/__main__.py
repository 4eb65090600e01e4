"""``python -m mod_pywsgi`` is the same as ``mod-pywsgi-express``."""

from mod_pywsgi.cli import main

if __name__ == "__main__":
    main()
