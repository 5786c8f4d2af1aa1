# In the place of postgres:15-bookworm of others: Debian's own PostgreSQL, with the user, the places and the ways of that image.
FROM debian:bookworm-slim
COPY test/docker/stand-ins/docker-entrypoint.sh /usr/local/bin/
RUN groupadd -r --gid=999 postgres && useradd -r -g postgres --uid=999 --home-dir=/var/lib/postgresql --shell=/bin/bash postgres && \
    install -d -o postgres -g postgres -m 1777 /var/lib/postgresql && mkdir -p /etc/postgresql-common && \
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf && \
    apt-get update && apt-get install -y --no-install-recommends postgresql-15 && rm -rf /var/lib/apt/lists/* && \
    sed -i "s/^#listen_addresses = .*/listen_addresses = '*'/" /usr/share/postgresql/15/postgresql.conf.sample
ENV PG_MAJOR=15 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin PGDATA=/var/lib/postgresql/data
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
