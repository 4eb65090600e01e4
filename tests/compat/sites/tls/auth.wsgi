"""Who may come into the back office."""

PASSWORDS = {"ann": "right", "bob": "right"}


def check_password(environ, user, password):
    if user not in PASSWORDS:
        return None
    return PASSWORDS[user] == password


def groups_for_user(environ, user):
    return {"ann": ["staff"]}.get(user, [])
