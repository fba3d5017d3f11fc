#!/bin/sh
# Makes .venv with the locked dependencies. Needs Python >= 3.11 and a package index; brings uv itself where there is none.
# Everything is compiled here, so that the first start is as fast as any other, also where PYTHONDONTWRITEBYTECODE is set.
set -eu
cd "$(dirname "$0")/.."

die() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

is_recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14 python}; do
        if is_recent "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    found=$("${PYTHON:-python3}" --version 2>&1 || true)
    die "Statewright needs Python 3.11 or newer; ${PYTHON:-python3} is: ${found:-not there}. Install one, or name it: make setup PYTHON=/path/to/python3"
}

uv_works() {
    "$1" --version 2>/dev/null | grep -Eq '^uv (0\.([89]|[1-9][0-9])|[1-9])'
}

make_environment() {
    python=$(find_python)
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -m venv --clear .venv
    elif uv_works uv; then
        uv venv --quiet --clear --python "$python" .venv
    else
        die "$python cannot make virtual environments: its 'venv' or 'ensurepip' module is missing.
On Debian and Ubuntu: apt install python3-venv"
    fi
}

# The index that pip is told to use, by environment or configuration, serves uv as well.
configured_index() {
    if [ -n "${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-}}" ]; then
        printf '%s' "${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-}}"
    elif [ -n "${PIP_INDEX_URL:-}" ]; then
        printf '%s' "$PIP_INDEX_URL"
    else
        .venv/bin/python -m pip config get global.index-url 2>/dev/null || true
    fi
}

install_locked() {
    index=$(configured_index)
    if [ -z "$index" ]; then
        "$uv" sync --quiet --locked --python .venv/bin/python
        return
    fi
    # uv.lock names the public index. Through another one, the same versions and hashes are installed from a list.
    list=.venv/locked.txt
    "$uv" export --quiet --frozen --no-emit-workspace --format requirements.txt --output-file "$list"
    UV_DEFAULT_INDEX=$index "$uv" pip sync --quiet --python .venv/bin/python --require-hashes "$list"
    UV_DEFAULT_INDEX=$index "$uv" pip install --quiet --python .venv/bin/python --no-deps -e clients/python -e .
}

if [ -n "${PIP_CERT:-}" ] && [ -z "${SSL_CERT_FILE:-}" ]; then
    export SSL_CERT_FILE="$PIP_CERT"
fi
export UV_PROJECT_ENVIRONMENT=.venv UV_LINK_MODE="${UV_LINK_MODE:-copy}" UV_COMPILE_BYTECODE=1
unset VIRTUAL_ENV

is_recent .venv/bin/python || make_environment
uv=uv
if ! uv_works uv; then
    uv=.venv/bin/uv
    uv_works "$uv" || .venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
fi
install_locked
.venv/bin/python -m compileall -q service statemachine clients/python/src
