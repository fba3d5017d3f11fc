# The server, from the locked dependencies, without compilers, sources or root.

FROM python:3.13-slim AS build
WORKDIR /src
ENV UV_PROJECT_ENVIRONMENT=/opt/statewright UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir "uv>=0.8"
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY clients/python clients/python
RUN /opt/uv/bin/uv sync --locked --no-dev --no-editable --no-install-project --python "$(command -v python)"
COPY statemachine statemachine
COPY service service
COPY examples examples
RUN /opt/uv/bin/uv sync --locked --no-dev --no-editable --python "$(command -v python)"

FROM python:3.13-slim
COPY --from=build /opt/statewright /opt/statewright
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin statewright \
    && install --directory --owner statewright --group statewright --mode 700 /data
USER statewright
WORKDIR /data
VOLUME /data
ENV PATH=/opt/statewright/bin:$PATH PYTHONUNBUFFERED=1 STATEWRIGHT_ADDRESS=127.0.0.1:50051
EXPOSE 50051
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["statewright", "doctor", "--health"]
ENTRYPOINT ["statewright"]
CMD ["serve", "--listen", "0.0.0.0:50051", "--insecure-listen"]
