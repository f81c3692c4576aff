"""What tests share: settings, servers, processes, waiting."""
