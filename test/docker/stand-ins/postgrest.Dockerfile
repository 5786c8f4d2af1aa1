# In the place of postgrest/postgrest:v16.2 of others, which has the program and nothing else: the one that is on PATH here.
FROM debian:bookworm-slim
COPY build/docker-context /
