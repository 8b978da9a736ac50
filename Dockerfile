# The server, and the client as /usr/local/bin/bktec: `docker build --tag test-engine .`
# The image has no shell, runs as a user without rights, and writes only to /data and /tmp.
FROM docker.io/library/rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --bins --package test-engine --package bktec \
    && install -D --target-directory=/image/usr/local/bin \
        target/release/test-engine target/release/bktec \
    && install -D --mode=644 --target-directory=/image/usr/share/doc/test-engine \
        LICENSE-APACHE LICENSE-MIT \
    && install -d --mode=700 --owner=65532 --group=65532 /image/data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /image /
# Memory that a large upload has freed is given back instead of kept for the next one.
ENV TEST_ENGINE_DATA_DIR=/data \
    TEST_ENGINE_LISTEN=0.0.0.0:8080 \
    MALLOC_TRIM_THRESHOLD_=131072
USER 65532:65532
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s \
    CMD ["/usr/local/bin/test-engine", "health"]
ENTRYPOINT ["/usr/local/bin/test-engine"]
CMD ["serve"]
