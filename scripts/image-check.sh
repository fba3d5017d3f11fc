#!/bin/sh
# Builds the container image and tries it: its user, its health, a volume that outlives its containers, its end on SIGTERM.
# Needs docker. Arguments go to `docker build`: scripts/image-check.sh --network host
set -eu
cd "$(dirname "$0")/.."
name=statewright-check-$$
trap 'docker rm --force "$name" >/dev/null 2>&1; docker volume rm "$name" >/dev/null 2>&1' EXIT
trap 'exit 1' INT TERM

die() {
    printf '\n%s\n' "$*" >&2
    docker logs "$name" >&2 || true
    exit 1
}

in_container() {
    docker exec "$name" statewright "$@"
}

start() {
    docker run --detach --name "$name" --volume "$name:/data" --stop-timeout 20 \
        --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges statewright >/dev/null
    for _ in $(seq 60); do
        if in_container doctor --health >/dev/null 2>&1; then
            return
        fi
        sleep 0.5
    done
    die "the server in the container does not answer"
}

# What runs in the container gets what is in flight done and ends by itself, with 0: docker says 137 when it had to kill.
stop() {
    docker stop "$name" >/dev/null
    code=$(docker inspect --format '{{.State.ExitCode}}' "$name")
    [ "$code" = 0 ] || die "SIGTERM ended the server with $code, not with 0"
    docker rm "$name" >/dev/null
}

healthy() {
    for _ in $(seq 60); do
        state=$(docker inspect --format '{{.State.Health.Status}}' "$name")
        [ "$state" = healthy ] && return
        sleep 1
    done
    die "the container is $state, not healthy"
}

docker build --tag statewright "$@" .
start
[ "$(docker exec "$name" id -u)" = 10001 ] || die "the server runs as user $(docker exec "$name" id -u), not as 10001"
docker exec --interactive "$name" statewright publish - <examples/welcome.yaml
in_container trigger contact_created --contact ann --contact-field source=facebook_ad
stop
start
in_container --json list --contact ann | grep -q '"ann"' || die "the volume did not keep the enrollment"
healthy
stop
echo "the image runs as user 10001, becomes healthy, keeps its data, and ends with 0"
