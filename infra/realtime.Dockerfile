# The realtime container. From the root of the repository:
#   docker build --file infra/realtime.Dockerfile --tag confab-realtime .
# Both stages need the same Python: the packages are installed for the one and run by the other.

FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3 AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN ["python", "-m", "venv", "--without-pip", "/opt/confab"]
# The packages come before the code: as long as their versions stay, this layer is not built again.
COPY functions/requirements.txt ./
RUN ["python", "-m", "pip", "--python", "/opt/confab/bin/python", "install", "--quiet", "--no-compile", "--require-hashes", "--only-binary=:all:", "--requirement", "requirements.txt"]
COPY functions/confab /opt/confab/app/confab
# Without bytecode a start takes 3 to 4 times longer. It is trusted unread: nobody edits an image.
RUN ["python", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "/opt/confab"]

FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3
COPY --from=build /opt/confab /opt/confab
# The base image has no bytecode of the standard library, and the user below may not write any.
RUN ["python", "-m", "compileall", "-q", "-j", "0", "-x", "site-packages", "--invalidation-mode", "unchecked-hash", "/usr/local/lib/python3.11"]
ENV PATH=/opt/confab/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_MMAP_THRESHOLD_=1048576 HOST=0.0.0.0 PORT=8080
WORKDIR /opt/confab/app
USER 10001:10001
EXPOSE 8080
# For engines that look here; Cloud Run has probes of its own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["python", "-c", "import os, urllib.request as http; http.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
# Python itself is the first process, so that SIGTERM reaches it and the container drains.
ENTRYPOINT ["python", "-m", "confab.realtime"]
