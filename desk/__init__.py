"""The screens of marketers, managers and operators."""
