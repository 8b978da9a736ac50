"""A check for schemathesis: a request that the document permits is accepted.

It is the check `positive_data_acceptance`, without the rejections for reasons that a schema cannot
state. Each of these has an entry here, so a new reason fails the test.
"""

import re

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

MONITOR = (
    r"is no parameter of|high is required|(high|low|window) must be|needs a filter|"
    r"tag (must have|starts with mut)|value must have"
)
RULE = (
    r"which .* does not take|needs (a label|the webhook_id)|label begins with|label is blank|"
    r"two actions|cannot be (mute|skip|enable)|can enable only|never ends|"
    r"cannot mute or skip broken|the suite's maximum|is no webhook"
)

# By operation: messages.
REASONS = {
    # Depends on what is stored.
    "createSuite": r"Slug has already been taken|the name contains no letter or digit|OIDC policy",
    "createSignInRule": r"there is already a rule",
    # The text of a policy is YAML.
    "updateSuite": r"OIDC policy",
    # Strategies have parameters of their own.
    "createPlan": r"selection (strategy|parameter)|selection .* needs the parameter",
    # The text of a file has a format of its own.
    "createUpload": r"results cannot be read|not the expected JSON, at data",
    # Two parameters of a query, of which exactly one is required.
    "getAccounting": r"either identifier or build_id is required",
    # What a monitor or an action needs depends on its type, and two thresholds are compared.
    "previewRule": MONITOR,
    "createRule": rf"{MONITOR}|{RULE}|(name|monitor) is required|more than 20",
    "updateRule": rf"{MONITOR}|{RULE}",
    # Two numbers of a body are compared.
    "reportNode": r"node must be between|more than once",
    # Depends on the time and on the suite's settings.
    "muteTest": r"the end must be",
    "skipTest": r"the end must be",
    "enableTest": r"the end must be",
    # A receiver has to be a public address, and e-mail has URLs of its own.
    "createWebhook": (
        r"^Validation failed: url |the format email is for|number of webhooks is too large"
    ),
    "updateWebhook": r"^Validation failed: url |the format email is for",
}


@schemathesis.check
def documented_requests_are_accepted(ctx, response, case):
    try:
        return positive_data_acceptance(ctx, response, case)
    except AssertionError:
        operation = case.operation.definition.raw.get("operationId")
        reason = REASONS.get(operation)
        message = str(response.json().get("message"))
        if reason is None or not re.search(reason, message):
            raise
        return True
