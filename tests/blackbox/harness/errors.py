"""The two forms of an error answer."""

TYPE = "type.googleapis.com/google.rpc."


def assert_error(answer, status, code, message):
    """Form A: code and message, nothing else."""
    assert answer.status == status, answer.text
    assert answer.header("Content-Type") == "application/json"
    assert answer.json == {"errorCode": code, "message": message}


def error_info(reason, metadata):
    return {"@type": TYPE + "ErrorInfo", "domain": "dapr.io", "metadata": metadata,
            "reason": reason}


def resource_info(kind, name, description=""):
    return {"@type": TYPE + "ResourceInfo", "description": description, "owner": "",
            "resource_name": name, "resource_type": kind}


def bad_request(field, description):
    violation = {"field": field, "description": description}
    if field is None:
        del violation["field"]
    return {"@type": TYPE + "BadRequest", "field_violations": [violation]}


def assert_rich(answer, status, code, message, details):
    """Form B: code, message and details in their order."""
    assert answer.status == status, answer.text
    assert answer.header("Content-Type") == "application/json"
    assert answer.json == {"errorCode": code, "message": message, "details": details}
    assert list(answer.json) == ["errorCode", "message", "details"]
