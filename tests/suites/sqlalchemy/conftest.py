from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: F403
