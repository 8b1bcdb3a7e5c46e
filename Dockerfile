# A recorder, or any other command: `docker run rustonite sql …`.
# The image of Rust has the compiler that rust-toolchain.toml names.
FROM rust:1.95.0-slim-trixie AS build
# Debian's Python is only there to run maturin; one wheel fits all versions.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY constraints.txt ./
RUN python3 -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --constraint constraints.txt maturin
COPY . .
RUN /opt/build/bin/maturin build --release --locked --strip --compatibility linux --out /dist

FROM python:3.13-slim-trixie
RUN useradd --create-home --uid 10001 rustonite \
    && install --directory --owner rustonite --mode 0700 /data
COPY --from=build /dist /tmp/dist
COPY constraints.txt /tmp/
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt \
        "$(echo /tmp/dist/*.whl)[lake]" \
    && rm -rf /tmp/dist /tmp/constraints.txt
USER 10001
WORKDIR /data
# Lake and tapes: without a volume they go with the container.
VOLUME /data
EXPOSE 9108
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:9108/health', timeout=4)"]
# Python passes SIGTERM on: rows are moved into the lake before the end.
ENTRYPOINT ["rustonite"]
CMD ["record", "/etc/rustonite/recorder.toml", "--metrics", "0.0.0.0:9108"]
