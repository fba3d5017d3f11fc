#!/bin/sh
# Generates the Python messages and stubs of protos/ into OUTDIR/statewright/v1.
#
# The generator is older than the protobuf we run on, and lives in an environment of its own: code that it writes loads
# on every protobuf from 6.31 to 7, while newer generators would force the newest one on whoever uses the client.
set -eu
[ $# -eq 1 ] || { echo "usage: scripts/proto.sh OUTDIR" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

protoc() {
    .venv/bin/uv run --quiet --isolated --no-project --python .venv/bin/python \
        --with grpcio-tools==1.80.1 --with mypy-protobuf==5.1.0 --with 'setuptools<81' \
        python -m grpc_tools.protoc -I protos "$@"
}

messages=$(find protos/statewright -name '*.proto' | LC_ALL=C sort)
services=$(grep -l '^service ' $messages)
mkdir -p "$out/statewright/v1"
rm -f "$out"/statewright/v1/*_pb2*.py "$out"/statewright/v1/*_pb2*.pyi
protoc --python_out="$out" --pyi_out="$out" $messages
protoc --grpc_python_out="$out" --mypy_grpc_out="quiet:$out" $services
