#!/bin/sh
# Checks protos/: lint, format, no breaking change against the last commit on main, and that the committed code is
# what the generator writes.
set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
buf=.venv/bin/buf

has_protos() {
    git ls-tree -r --name-only "$1" -- protos 2>/dev/null | grep -q '\.proto$'
}

# What main last promised. Off main: where the branch left it. On main: the last commit while protos/ is being edited,
# else the one before it. A shallow clone has only its own commit.
baseline() {
    head=$(git rev-parse HEAD)
    for main in origin/main main; do
        fork=$(git merge-base HEAD "$main" 2>/dev/null || git rev-parse --verify --quiet "$main^{commit}" || true)
        if [ -n "$fork" ] && [ "$fork" != "$head" ] && has_protos "$fork"; then
            echo "$fork"
            return
        fi
    done
    before=$(git rev-parse --verify --quiet 'HEAD^' || true)
    if [ -z "$(git status --porcelain -- protos)" ] && [ -n "$before" ] && has_protos "$before"; then
        echo "$before"
    elif has_protos HEAD; then
        echo "$head"
    fi
}

echo "buf lint"
"$buf" lint
echo "buf format"
"$buf" format --diff --exit-code protos

earlier=$(baseline)
if [ -n "$earlier" ]; then
    echo "buf breaking against $(git log -1 --format='%h %s' "$earlier")"
    mkdir "$scratch/earlier"
    git archive "$earlier" protos | tar -x -C "$scratch/earlier"
    cp buf.yaml "$scratch/earlier/"
    "$buf" breaking --against "$scratch/earlier"
else
    echo "buf breaking: SKIPPED, no earlier commit has protos"
fi

echo "generated code is up to date"
sh scripts/proto.sh "$scratch/generated"
diff -r --exclude=__init__.py --exclude=__pycache__ \
    "$scratch/generated/statewright/v1" clients/python/src/statewright/v1 \
    || { echo "clients/python differs from what protos/ generates: run 'make proto' and commit the result" >&2; exit 1; }
