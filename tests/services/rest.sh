# What the small servers of ours have in common: python of the test's environment, a certificate. Sourced after lib.sh.

python=$HERE/../../.venv/bin/python
[ -x "$python" ] || python=python3

# certificates_make FOLDER NAME...: ca.pem, and server.pem and server.key signed by it for these names and 127.0.0.1.
certificates_make() {
    local folder=$1 names=IP:127.0.0.1 name
    shift
    [ ! -e "$folder/server.pem" ] || return 0
    for name in "$@"; do names=$names,DNS:$name; done
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=tests" \
        -keyout "$folder/ca.key" -out "$folder/ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=server" \
        -keyout "$folder/server.key" -out "$folder/server.csr" 2>/dev/null
    openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial \
        -days 30 -extfile <(printf 'subjectAltName=%s\n' "$names") -out "$folder/server.pem" 2>/dev/null
}
