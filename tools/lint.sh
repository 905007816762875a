#!/usr/bin/env bash
# Run every check that reads the code without running it. Print each failure and go on to the next check.
set -u
python=$1
bin=$(dirname "$python")
failed=()
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT

check() {
    local name=$1
    shift
    local started=$SECONDS
    if output=$("$@" 2>&1); then
        echo "  ok    $name ($((SECONDS - started)) s)"
    else
        echo "  FAIL  $name"
        sed 's/^/        /' <<<"$output"
        failed+=("$name")
    fi
}

production() { # with the settings of a deployment, without connecting to anything
    env ENV_FILE=/nonexistent DATA_DIR="$data" SECRET_KEY="$("$python" -c 'import secrets; print(secrets.token_urlsafe(50))')" \
        DATABASE_URL=postgres://gateway@127.0.0.1:1/gateway CELERY_BROKER_URL=redis://127.0.0.1:1/0 BEHIND_TLS=1 \
        ENCRYPTION_KEYS="$("$python" -c 'import base64, secrets; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())')" \
        ALLOWED_HOSTS=gateway.example.com BASE_URL=https://gateway.example.com WEBHOOK_BASIC_AUTH=hook:example "$@"
}
embedded() {
    env ENV_FILE=/nonexistent DATA_DIR="$data" WEBHOOK_BASIC_AUTH=hook:example "$@"
}

check "ruff" "$bin/ruff" check .
check "format" "$bin/ruff" format --check .
check "types" embedded "$bin/mypy"
check "import contracts" embedded "$bin/lint-imports"
check "deploy check" production "$python" manage.py check --deploy --fail-level WARNING
check "migrations" embedded "$python" manage.py makemigrations --check --dry-run
check "templates" embedded "$python" tools/templates.py
check "layout" "$python" tools/house.py
check "messages" embedded "$python" tools/messages.py --check
if [ ${#failed[@]} -gt 0 ]; then
    echo "Failed: ${failed[*]}"
    exit 1
fi
