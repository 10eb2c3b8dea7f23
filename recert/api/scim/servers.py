"""/scim/v2/servers/NAME: the accounts and entitlements of one server.

Read by governance suites, written by provisioning engines. The protocol is scim2-server's; here
stands where its resources come from.
"""

import json
from typing import Any

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Error,
    ETag,
    Filter,
    ForbiddenException,
    Group,
    InvalidValueException,
    NotImplementedException,
    Patch,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    ScimPolicy,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
)
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService
from scim2_server.storage import ScimStorage, SearchPage
from sqlalchemy.exc import DataError

from recert.api.access import DECLARED, acting, authenticate
from recert.api.errors import CHALLENGE, code_of
from recert.api.scim import accounts, entitlements
from recert.api.scim.accounts import User
from recert.foundation.errors import RecertError
from recert.inventory.models import Server
from recert.inventory.service import server_by_name
from recert.people.models import TokenScope
from recert.trail.act import Act

MOST_RESULTS = 1000
SAFE = ("GET", "HEAD")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# What clients of the large identity systems send against the text of the RFC.
TOLERANT = ScimPolicy.model_validate(
    {"unknown": "ignore", "remove_value_as_filter": "apply", "unmatched_path_filter": "create"}
)
PROVIDER = ScimProvider(
    models=[User, Group],
    config=ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="Access token",
                description="An access token of Recert as bearer.",
                primary=True,
            ),
            AuthenticationScheme(
                type=AuthenticationScheme.Type.httpbasic,
                name="Basic",
                description="The token's name and its secret.",
            ),
        ],
    ),
    policy=TOLERANT,
)
SERVICE = ScimService(PROVIDER)

bp = Blueprint("scim_servers", __name__)


class ServerStorage(ScimStorage):
    """The accounts and entitlements of one server, within one transaction."""

    def __init__(self, act: Act, server: Server) -> None:
        self._act, self._server = act, server

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        session, writes = self._act.session, request.method in ("PUT", "PATCH")
        if resource_type.name == "Group":
            return entitlements.get(session, self._server, resource_id, as_ordered=writes)
        return accounts.get(session, self._server, resource_id, as_ordered=writes)

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        if len(resource_types) > 1:
            raise NotImplementedException(detail="Search Users or Groups, not both at once.")
        if resource_types[0].name == "Group":
            return entitlements.search(self._act.session, self._server, search_request)
        return accounts.search(self._act.session, self._server, search_request)

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        if not isinstance(resource, User):
            raise ForbiddenException(detail=entitlements.FIXED)
        return accounts.create(self._act, self._server, resource)

    def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        self._check_version(resource_type, resource.id or "", expected_version)
        if isinstance(resource, Group):
            is_patch = request.method == "PATCH"
            return entitlements.update(self._act, self._server, resource, is_patch=is_patch)
        if not isinstance(resource, User):
            raise ForbiddenException(detail=entitlements.FIXED)
        return accounts.update(self._act, self._server, resource)

    def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        self._check_version(resource_type, resource_id, expected_version)
        if resource_type.name == "Group":
            raise ForbiddenException(detail=entitlements.FIXED)
        accounts.delete(self._act, self._server, resource_id)

    def _check_version(
        self, resource_type: ResourceType, resource_id: str, expected: str | None
    ) -> None:
        stored = self.get(resource_type, resource_id)
        if expected is not None and stored.meta and stored.meta.version != expected:
            raise PreconditionFailedException


def serve(server: str, path: str = "") -> ResponseReturnValue:
    """Any request below /scim/v2/servers/NAME."""
    is_search = request.method == "POST" and path.rpartition("/")[2] == ".search"
    is_reading = request.method in SAFE or is_search
    scope = TokenScope.READ_ACCESS if is_reading else TokenScope.CHANGE_ACCESS
    authenticate(scope, server)
    with acting(reads_only=is_reading) as act:
        storage = ServerStorage(act, server_by_name(act.session, server))
        answer = ScimHandler(SERVICE, storage).handle(_request(server, path))
    return _answer(answer)


setattr(serve, DECLARED, "token: read access or change access")
for rule in ("/scim/v2/servers/<server>", "/scim/v2/servers/<server>/<path:path>"):
    bp.add_url_rule(
        rule,
        "serve",
        serve,
        methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        strict_slashes=False,
    )


@bp.errorhandler(SCIMException)
def scim_error(error: SCIMException) -> ResponseReturnValue:
    return _answer(SERVICE.error_response(error))


@bp.errorhandler(DataError)
@bp.errorhandler(UnicodeError)
@bp.errorhandler(RecursionError)
def no_text(error: Exception) -> ResponseReturnValue:
    """A text that no database takes (NUL, half a character), or a body nested without end."""
    detail = "The request has characters that no name has, or is nested too deeply."
    return scim_error(InvalidValueException(detail=detail))


@bp.errorhandler(RecertError)
def our_error(error: RecertError) -> ResponseReturnValue:
    code = code_of(error)
    body = Error(status=code, detail=str(error)).model_dump()
    headers = CHALLENGE if code == 401 else {}
    return Response(json.dumps(body), code, headers, content_type="application/scim+json")


def _request(server: str, path: str) -> ScimRequest:
    return ScimRequest(
        method=request.method,
        base_url=f"{request.host_url.rstrip('/')}/scim/v2/servers/{server}",
        path=f"/{path}",
        query=request.args.to_dict(),
        headers=list(request.headers.items()),
        body=request.get_data(),
        subject=g.access_token,
    )


def _answer(answer: ScimResponse) -> Response:
    body = json.dumps(answer.body) if answer.body is not None else None
    return Response(body, status=answer.status, headers=answer.headers)
