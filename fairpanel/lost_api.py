"""What went wrong between here and a Prefect API, in a sentence."""

from __future__ import annotations

PASSWORD, CERTIFICATE = "PREFECT_API_AUTH_STRING", "PREFECT_API_SSL_CERT_FILE"


def why(address: str, error: BaseException) -> str | None:
    """The sentence for what went wrong between here and the API; None for something else."""
    told = " ".join(f"{type(each).__name__} {each}" for each in _chain(error))
    if "401" in told and "Unauthorized" in told:
        return f"the Prefect API at {address} wants a password, or another one: put user:password into {PASSWORD}."
    if "CERTIFICATE_VERIFY_FAILED" in told or "[SSL" in told:
        return (
            f"the certificate of the Prefect API at {address} was not accepted: put the file of the authority that signed it "
            f"into {CERTIFICATE}."
        )
    if "Failed to reach API" in told or any(map(_of_the_way, _chain(error))):
        return f"the Prefect API at {address} does not answer ({type(error).__name__}): does it run, and is this its address?"
    return None


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _of_the_way(error: BaseException) -> bool:
    """Whether it is the way to the API that failed, and not what the API answered."""
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}
    return bool(kinds & {("httpx", "TransportError"), ("httpcore", "NetworkError"), ("httpcore", "TimeoutException")})
