# In the place of redis:7.2-bookworm of others: Debian's, with the user of that image, and as open to its network.
FROM debian:bookworm-slim
COPY test/docker/stand-ins/redis-server /usr/local/bin/
RUN groupadd -r -g 999 redis && useradd -r -g redis -u 999 redis && \
    apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/*
WORKDIR /data
CMD ["redis-server"]
