# syntax=docker/dockerfile:1
# To pin the base by digest: docker build --build-arg BASE_IMAGE=debian@sha256:… .
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${BASE_IMAGE} AS base
# Debian patches its own Python and libseccomp as long as bookworm; a rebuild takes the current ones.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libseccomp2 python3.11 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/apt /var/log/*.log \
    # No program in the image may raise anybody's privileges.
    && find / -xdev -perm /6000 -type f -exec chmod a-s {} +

FROM base AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3.11-venv \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
WORKDIR /build
RUN python3.11 -m venv /opt/service && python3.11 -m venv /opt/sandbox
COPY requirements/service.txt requirements/
RUN /opt/service/bin/pip install --require-hashes --requirement requirements/service.txt
COPY requirements/sandbox.txt requirements/
RUN /opt/sandbox/bin/pip install --require-hashes --requirement requirements/sandbox.txt
# More packages for scripts: docker build --build-arg SANDBOX_REQUIREMENTS=my-requirements.txt .
ARG SANDBOX_REQUIREMENTS=requirements/sandbox.txt
COPY ${SANDBOX_REQUIREMENTS} more-requirements.txt
RUN /opt/sandbox/bin/pip install --requirement more-requirements.txt \
    # The image has no installer and none of the packages' tests. What scripts import is compiled once, here.
    && for environment in /opt/service /opt/sandbox; do \
        "$environment/bin/pip" uninstall --quiet --yes pip setuptools \
        && find "$environment/lib" -type d \( -name tests -o -name testing_data \) -prune -exec rm -rf {} + \
        && python3.11 -m compileall -q -j 0 --invalidation-mode unchecked-hash "$environment/lib" || exit 1; \
    done

FROM base
LABEL org.opencontainers.image.title="Python Code Executor" \
      org.opencontainers.image.description="Runs untrusted Python in nsjail behind an HTTP endpoint" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/sandbox /opt/sandbox
COPY --from=build /opt/service /opt/service
WORKDIR /opt/python-code-executor
COPY . .
RUN python3.11 -m compileall -q --invalidation-mode unchecked-hash . && chmod -R a+rX,go-w .
ENV PATH=/opt/service/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    # Who reaches the port is decided outside of the container, by what publishes it.
    HOST=0.0.0.0 \
    PORT=8080 \
    SANDBOX_MIN_ISOLATION=seccomp \
    SANDBOX_PYTHON=/opt/sandbox/bin/python
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health')"]
# If the container starts as root, the launcher drops the server to another user before that opens its port.
ENTRYPOINT ["python", "-m", "service.launcher"]
