# Prepares a start of SurrealDB: mounts its disk, fetches its users and pulls its image. Safe to repeat.
set -euo pipefail

# Formats a disk that holds nothing but zeros. A disk that cannot be read, or holds anything else, is kept.
content=$(head --bytes=1M "$DEVICE" | tr --delete '\0' | wc --bytes)
if [ "$content" -eq 0 ]; then mkfs.ext4 -q -m 0 "$DEVICE"; fi
if ! mountpoint --quiet "$MOUNT"; then
    fsck.ext4 -p "$DEVICE" || [ $? -eq 1 ] # 1: repaired
    mkdir --parents "$MOUNT"
    mount -o noatime,discard "$DEVICE" "$MOUNT"
fi
resize2fs "$DEVICE" # does nothing unless the disk has grown
install --directory --owner="$OWNER" --group="$OWNER" --mode=0700 "$MOUNT/data"

# Secret Manager answers with `"data": "BASE64"` on a line of its own.
metadata=http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token
token=$(curl -fsS --retry 9 -H 'Metadata-Flavor: Google' "$metadata" | sed 's/.*"access_token": *"\([^"]*\)".*/\1/')
umask 077
mkdir --parents "${USERS%/*}"
curl -fsS --retry 9 --retry-all-errors -H @- "https://secretmanager.googleapis.com/v1/$SECRET:access" \
    <<<"Authorization: Bearer $token" | sed -n 's/.*"data": *"\([^"]*\)".*/\1/p' | base64 --decode >"$USERS"
test -s "$USERS"
chown "$OWNER" "$USERS"

iptables -w -C INPUT -p tcp --dport "$PORT" -j ACCEPT || iptables -w -A INPUT -p tcp --dport "$PORT" -j ACCEPT
docker-credential-gcr configure-docker --registries="${IMAGE%%/*}"
docker pull --quiet "$IMAGE"
