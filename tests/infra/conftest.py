import warnings

from pulumi_gcp import monitoring, storage

with warnings.catch_warnings():  # these two warn of deprecated parts of their own when they are first used
    warnings.filterwarnings("ignore", "gcp.* has been deprecated", DeprecationWarning)
    USED = (monitoring.Dashboard, storage.Bucket)
