"""Stands in for the process that runs PySR: writes the sum of all columns, a single one and a constant."""

import json
import sys

if __name__ == "__main__":
    folder = sys.argv[-1]
    with open(f"{folder}/task.json", encoding="utf-8") as file:
        names = json.load(file)["fit"]["variable_names"]
    with open(f"{folder}/hall_of_fame.csv", "w", encoding="utf-8") as file:
        file.write("Complexity,Loss,Equation\n1,3.0,1.5\n")
        file.write(f'3,2.0,"{names[0]}"\n')
        file.write(f'9,1.0,"1.0 + {" + ".join(names)}"\n')
