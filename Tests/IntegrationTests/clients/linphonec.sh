#!/bin/sh
# Two linphonec, each registered through another server: a call and a message from the first to the second.
#   linphonec.sh DIRECTORY DOMAIN SERVER1 SERVER2 PORT USER1 USER2
# SERVER is host:port, PORT the first of three free ports. A user's password is its name and "-secret".
# Prints a line for each thing that was seen, and ends with 1 at the first that was not.
set -u
. "${0%/*}/see.sh"
directory=$1 domain=$2 server1=$3 server2=$4 port=$5 user1=$6 user2=$7
mkdir -p "$directory" && cd "$directory" || exit 1

configure() { # user server port
  # Without its data directory linphonec ends with a segmentation fault.
  mkdir -p "$1/.local/share/linphone" "$1/.config/linphone"
  cat > "$1.rc" << END
[sip]
sip_port=$3
sip_tcp_port=0
sip_tls_port=0
bind_address=127.0.0.1
guess_hostname=0
contact=sip:$1@127.0.0.1:$3
use_ipv6=0
default_proxy=0
[proxy_0]
reg_proxy=<sip:$2>
reg_route=<sip:$2;lr>
reg_identity=sip:$1@$domain
reg_expires=120
reg_sendregister=1
[auth_info_0]
username=$1
passwd=$1-secret
realm=$domain
domain=$domain
END
  mkfifo "$1.in"
}

configure "$user1" "$server1" "$port"
configure "$user2" "$server2" "$((port + 1))"
HOME=$directory/$user1 linphonec -S -c "$user1.rc" < "$user1.in" > "$user1.out" 2>&1 &
first=$!
HOME=$directory/$user2 linphonec -S -a -c "$user2.rc" < "$user2.in" > "$user2.out" 2>&1 &
second=$!
trap 'kill $first $second 2> /dev/null' EXIT
exec 5<> "$user1.in" 6<> "$user2.in"

echo "soundcard use files" >&5
echo "soundcard use files" >&6
sleep 1
for try in 1 2 3 4 5 6 7 8; do
  echo "status register" >&5
  echo "status register" >&6
  sleep 0.5
done
see "$user1.out" "^registered, identity=sip:$user1@$domain" "$user1 is registered"
see "$user2.out" "^registered, identity=sip:$user2@$domain" "$user2 is registered"
echo "call sip:$user2@$domain" >&5
see "$user1.out" "Media streams established with sip:$user2@$domain" "the call is up"
echo "terminate" >&5
see "$user2.out" "ended (No error)" "the call is over"
echo "chat sip:$user2@$domain hello from $user1" >&5
see "$user2.out" "Message received from sip:$user1@$domain: hello from $user1" "the message has come"
echo "quit" >&5
echo "quit" >&6
sleep 1
