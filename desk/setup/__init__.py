"""The screens on which projects, actions, lists, pools and credentials are set up."""
