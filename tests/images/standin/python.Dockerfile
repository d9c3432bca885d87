# Stands in for python:3.12-slim-bookworm, with the Python that is mounted at /python.
ARG BASE
FROM ${BASE}
ARG NAME
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
      ca-certificates libbz2-1.0 libffi8 liblzma5 libreadline8 libsqlite3-0 libssl3 zlib1g \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /python
SHELL ["/bin/bash", "-euo", "pipefail", "-O", "nullglob", "-c"]
RUN tar --create --exclude=site-packages --exclude=__pycache__ --exclude=test --exclude='config-*' \
      --exclude=idlelib --exclude=tkinter "bin/${NAME}" "lib/${NAME}" lib/libpython3*.so* \
    | tar --extract --directory /usr/local \
 && mkdir "/usr/local/lib/${NAME}/site-packages" \
 && ln -s "${NAME}" /usr/local/bin/python \
 && ln -s "${NAME}" /usr/local/bin/python3 \
 && ldconfig \
 && /usr/local/bin/python -m ensurepip
