#!/bin/sh
# The classic tour of the v2 API, one curl call after another, each answer checked: sh v2-tour.sh http://127.0.0.1:2379
# Times of expiry and indexes that depend on what was before are masked.
set -u
keys="$1/v2/keys"
failed=0

# check WHAT EXPECTED ACTUAL, the last two with times and indexes masked
check() {
  actual=$(printf '%s' "$3" | sed -E 's/"(modifiedIndex|createdIndex|index)":[0-9]+/"\1":N/g; s/"expiration":"[^"]*"/"expiration":"T"/g; s/[0-9]{20}/SEQ/g')
  if [ "$actual" = "$2" ]; then
    echo "ok   $1"
  else
    echo "FAIL $1"; echo "  expected $2"; echo "  got      $actual"; failed=1
  fi
}
index_of() { printf '%s' "$1" | sed -E 's/.*"node":\{[^{}]*"modifiedIndex":([0-9]+).*/\1/'; }
form() { curl -sS "$@"; }

# Values
check 'set' '{"action":"set","node":{"key":"/message","value":"Hello world","modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/message" -XPUT -d value='Hello world')"
check 'get' '{"action":"get","node":{"key":"/message","value":"Hello world","modifiedIndex":N,"createdIndex":N}}' "$(form "$keys/message")"
check 'change, with what was before' \
  '{"action":"set","node":{"key":"/message","value":"Hello etcd","modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/message","value":"Hello world","modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/message" -XPUT -d value='Hello etcd')"
check 'update' \
  '{"action":"update","node":{"key":"/message","value":"again","modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/message","value":"Hello etcd","modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/message" -XPUT -d value=again -d prevExist=true)"
check 'delete' \
  '{"action":"delete","node":{"key":"/message","modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/message","value":"again","modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/message" -XDELETE)"
check 'get what is gone' '{"errorCode":100,"message":"Key not found","cause":"/message","index":N}' "$(form "$keys/message")"

# TTL
check 'set with a TTL' '{"action":"set","node":{"key":"/foo","value":"bar","expiration":"T","ttl":2,"modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/foo" -XPUT -d value=bar -d ttl=2)"
check 'take the TTL away' \
  '{"action":"update","node":{"key":"/foo","value":"bar","modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/foo","value":"bar","expiration":"T","ttl":2,"modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/foo" -XPUT -d value=bar -d ttl= -d prevExist=true)"
form "$keys/short" -XPUT -d value=x -d ttl=1 >/dev/null
sleep 2
check 'it has expired' '{"errorCode":100,"message":"Key not found","cause":"/short","index":N}' "$(form "$keys/short")"
form "$keys/lock" -XPUT -d value=mine -d ttl=5 >/dev/null
check 'refresh: another time, the same value' \
  '{"action":"update","node":{"key":"/lock","value":"mine","expiration":"T","ttl":500,"modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/lock","value":"mine","expiration":"T","ttl":5,"modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/lock" -XPUT -d ttl=500 -d refresh=true -d prevExist=true)"

# Waiting
waited=$(mktemp)
form "$keys/foo?wait=true" >"$waited" &
waiter=$!
until form "$1/v2/stats/store" | grep -q '"watchers":1'; do sleep 0.05; done
changed=$(form "$keys/foo" -XPUT -d value=news)
wait "$waiter"
check 'wait for a change' \
  '{"action":"set","node":{"key":"/foo","value":"news","modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/foo","value":"bar","modifiedIndex":N,"createdIndex":N}}' \
  "$(cat "$waited")"
rm -f "$waited"
check 'wait from an old index' \
  '{"action":"set","node":{"key":"/foo","value":"news","modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/foo","value":"bar","modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/foo?wait=true&waitIndex=$(index_of "$changed")")"

# In order
check 'a key in order' '{"action":"create","node":{"key":"/queue/SEQ","value":"Job1","modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/queue" -XPOST -d value=Job1)"
form "$keys/queue" -XPOST -d value=Job2 >/dev/null
check 'in order, sorted' \
  '{"action":"get","node":{"key":"/queue","dir":true,"nodes":[{"key":"/queue/SEQ","value":"Job1","modifiedIndex":N,"createdIndex":N},{"key":"/queue/SEQ","value":"Job2","modifiedIndex":N,"createdIndex":N}],"modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/queue?recursive=true&sorted=true")"

# Directories with a TTL
check 'a directory with a TTL' '{"action":"set","node":{"key":"/dir","dir":true,"expiration":"T","ttl":30,"modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/dir" -XPUT -d ttl=30 -d dir=true)"
check 'its TTL renewed' \
  '{"action":"update","node":{"key":"/dir","dir":true,"expiration":"T","ttl":60,"modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/dir","dir":true,"expiration":"T","ttl":30,"modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/dir" -XPUT -d ttl=60 -d dir=true -d prevExist=true)"

# Compare and swap
form "$keys/cas" -XPUT -d value=one >/dev/null
check 'create what exists' '{"errorCode":105,"message":"Key already exists","cause":"/cas","index":N}' \
  "$(form "$keys/cas" -XPUT -d value=three -d prevExist=false)"
check 'swap: another value' '{"errorCode":101,"message":"Compare failed","cause":"[two != one]","index":N}' \
  "$(form "$keys/cas?prevValue=two" -XPUT -d value=three)"
swapped=$(form "$keys/cas?prevValue=one" -XPUT -d value=two)
check 'swap by value' \
  '{"action":"compareAndSwap","node":{"key":"/cas","value":"two","modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/cas","value":"one","modifiedIndex":N,"createdIndex":N}}' "$swapped"
check 'swap by index' \
  '{"action":"compareAndSwap","node":{"key":"/cas","value":"three","modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/cas","value":"two","modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/cas?prevIndex=$(index_of "$swapped")" -XPUT -d value=three)"
check 'swap: another index' '{"errorCode":101,"message":"Compare failed","cause":"[1 != '"$(index_of "$(form "$keys/cas")")"']","index":N}' \
  "$(form "$keys/cas?prevIndex=1" -XPUT -d value=four)"

# Compare and delete
check 'delete: another value' '{"errorCode":101,"message":"Compare failed","cause":"[two != three]","index":N}' "$(form "$keys/cas?prevValue=two" -XDELETE)"
check 'delete by value' \
  '{"action":"compareAndDelete","node":{"key":"/cas","modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/cas","value":"three","modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/cas?prevValue=three" -XDELETE)"

# Directories
check 'make a directory' '{"action":"set","node":{"key":"/folder","dir":true,"modifiedIndex":N,"createdIndex":N}}' "$(form "$keys/folder" -XPUT -d dir=true)"
form "$keys/folder/sub/leaf" -XPUT -d value=1 >/dev/null
check 'list one level' \
  '{"action":"get","node":{"key":"/folder","dir":true,"nodes":[{"key":"/folder/sub","dir":true,"modifiedIndex":N,"createdIndex":N}],"modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/folder")"
check 'list all levels' \
  '{"action":"get","node":{"key":"/folder","dir":true,"nodes":[{"key":"/folder/sub","dir":true,"nodes":[{"key":"/folder/sub/leaf","value":"1","modifiedIndex":N,"createdIndex":N}],"modifiedIndex":N,"createdIndex":N}],"modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/folder?recursive=true")"
check 'delete a directory as a file' '{"errorCode":102,"message":"Not a file","cause":"/folder","index":N}' "$(form "$keys/folder" -XDELETE)"
check 'delete one that is not empty' '{"errorCode":108,"message":"Directory not empty","cause":"/folder","index":N}' "$(form "$keys/folder?dir=true" -XDELETE)"
check 'delete it with all that is in it' \
  '{"action":"delete","node":{"key":"/folder","dir":true,"modifiedIndex":N,"createdIndex":N},"prevNode":{"key":"/folder","dir":true,"modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/folder?recursive=true" -XDELETE)"

# Hidden
form "$keys/box/_secret" -XPUT -d value=1 >/dev/null
form "$keys/box/open" -XPUT -d value=2 >/dev/null
check 'hidden keys are not listed' \
  '{"action":"get","node":{"key":"/box","dir":true,"nodes":[{"key":"/box/open","value":"2","modifiedIndex":N,"createdIndex":N}],"modifiedIndex":N,"createdIndex":N}}' \
  "$(form "$keys/box?recursive=true")"
check 'but can be read' '{"action":"get","node":{"key":"/box/_secret","value":"1","modifiedIndex":N,"createdIndex":N}}' "$(form "$keys/box/_secret")"
exit $failed
