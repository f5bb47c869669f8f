"""Structure of reaction networks: conservation laws, deficiency, composition, drawings and tables.

Import from the modules; nothing heavy is loaded here.
"""
