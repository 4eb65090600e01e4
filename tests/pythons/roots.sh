# shellcheck shell=sh
# What get and run share: the names of Pythons, the Debian roots that they live in, how a command runs in one.
# Read by these with `tree` set: the checkout.

# shellcheck disable=SC2154 # set by whoever reads this
roots=$tree/build/pythons

say() { echo "pythons: $*" >&2; }
fail() {
    say "FAILED: $*"
    exit 1
}

names() {
    cat <<'TEXT'
  trixie       Debian 13 and its python3 (3.13)
  sid          Debian unstable and its python3
  sid-3.15     the same and its package python3.15; likewise any other version
  3.14t        free-threaded: Debian's source package python3.14, of unstable; likewise 3.13t and 3.15t
  3.14t-tsan   the same with ThreadSanitizer
TEXT
}

# Sets suite, version (empty: the suite's own), package, python: where it is in the root.
read_name() { # NAME
    name=$1
    version=
    package=
    case $name in
    trixie | sid)
        suite=$name
        python=/usr/bin/python3
        ;;
    trixie-3.[0-9]* | sid-3.[0-9]*)
        suite=${name%%-*}
        version=${name#*-}
        python=/usr/bin/python$version
        ;;
    3.[0-9]*t | 3.[0-9]*t-tsan)
        suite=sid
        version=${name%%t*}
        package=python$version
        python=/opt/$name/bin/python${version}t
        ;;
    *)
        say "there is no Python of the name \"$name\":"
        names >&2
        exit 2
        ;;
    esac
    root=$roots/$suite
}

need_root() {
    [ "$(id -u)" = 0 ] || fail "this needs root, for debootstrap and chroot"
    command -v debootstrap >/dev/null || [ -x /usr/sbin/debootstrap ] || fail "install the package debootstrap"
}

# The machine's own mirror, as apt has it.
apt_mirror() {
    sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1
}

# Runs a command in the root. Mounts and processes are of namespaces of their own and vanish with it; the
# checkout is /mod_pywsgi there, with a build folder and a .venv of this Python alone.
inside() { # COMMAND...
    [ ! -e "$root/etc/outer-ca.crt" ] || set -- env PIP_CERT=/etc/outer-ca.crt "$@"
    for variable in http_proxy https_proxy no_proxy PIP_INDEX_URL PIP_EXTRA_INDEX_URL PYWSGI_DAEMON PYWSGI_RACE_ROUNDS \
        PYWSGI_RACE_SUPPRESSIONS; do
        value=$(printenv "$variable") || continue
        set -- env "$variable=$value" "$@"
    done
    mkdir -p "$root/mod_pywsgi" "$roots/of/$name/build" "$roots/of/$name/venv" "$tree/build" "$tree/.venv"
    # shellcheck disable=SC2016 # for the shell inside
    unshare --mount --pid --fork --kill-child --propagation private sh -euc '
        root=$1 tree=$2 own=$3
        shift 3
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount -t tmpfs -o mode=755 dev "$root/dev"
        for device in null zero full random urandom tty; do
            touch "$root/dev/$device"
            mount --bind "/dev/$device" "$root/dev/$device"
        done
        ln -s /proc/self/fd "$root/dev/fd"
        mkdir "$root/dev/shm" "$root/dev/pts"
        mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
        ln -s pts/ptmx "$root/dev/ptmx"
        mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
        mount -t tmpfs -o mode=1777 tmp "$root/tmp"
        mount --bind "$tree" "$root/mod_pywsgi"
        mount --bind "$own/build" "$root/mod_pywsgi/build"
        mount --bind "$own/venv" "$root/mod_pywsgi/.venv"
        exec "$@"' sh "$root" "$tree" "$roots/of/$name" env -i HOME=/root TERM=dumb DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHON="$python" NICE="${NICE:-15}" \
        GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=/mod_pywsgi \
        chroot "$root" /bin/sh -euc 'cd /mod_pywsgi && exec nice -n "$NICE" "$@"' sh "$@"
}
